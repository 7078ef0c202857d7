-- The operations that made some references. $1: the references.
select o.*
  from unnest($1::text[]) as r (reference)
 cross join lateral (select key, request::text, method, reference, outcome, amount, decline::text, challenge,
                            due
                       from sandbox.operation
                      where reference = r.reference and kind = 'authorize'
                      limit 1) as o
