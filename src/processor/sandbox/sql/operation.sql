-- An operation. $1: its key.
select key, request::text, method, reference, outcome, amount, decline::text, challenge, due
  from sandbox.operation
 where key = $1
