-- The operations whose time has come, a few at once.
select key, request::text, method, reference, outcome, amount, decline::text, challenge, due
  from sandbox.operation
 where outcome = 'pending' and due <= statement_timestamp()
 order by due
 limit 64
