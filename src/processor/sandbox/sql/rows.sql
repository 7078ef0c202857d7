-- The rows of some authorisations in the journal, oldest first. $1: their references.
select j.*
  from unnest($1::text[]) as r (reference)
 cross join lateral (select reference, kind, outcome, amount, currency, at, seq
                       from sandbox.journal
                      where reference = r.reference
                      order by seq
                     offset 0) as j
 order by j.seq
