-- A part of the journal, oldest first. $1: the number that it comes after. $2: the most rows.
select seq, key, kind, outcome, amount, currency, at, reference
  from sandbox.journal
 where seq > $1
 order by seq
 limit $2
