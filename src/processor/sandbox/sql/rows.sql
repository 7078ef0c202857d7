-- The rows of an authorisation in the journal, oldest first. $1: its reference.
select kind, outcome, amount, currency, at
  from sandbox.journal
 where reference = $1
 order by seq
