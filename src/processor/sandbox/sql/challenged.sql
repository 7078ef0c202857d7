-- The operation of a challenge. $1: the challenge's token.
select key, request::text, method, reference, outcome, amount, decline::text, challenge, due
  from sandbox.operation
 where challenge = $1
