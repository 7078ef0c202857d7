-- The rows of one key, oldest first. $1: the number that they come after. $2: the most rows. $3: the key.
select seq, key, kind, outcome, amount, currency, at, reference
  from sandbox.journal
 where key = $3 and seq > $1
 order by seq
 limit $2
