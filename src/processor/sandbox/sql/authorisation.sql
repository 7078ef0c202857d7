-- The operation that made a reference. $1: the reference.
select key, request::text, method, reference, outcome, amount, decline::text, challenge, due
  from sandbox.operation
 where reference = $1 and kind = 'authorize'
