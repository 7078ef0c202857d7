-- Operations. $1: their keys.
select o.*
  from unnest($1::text[]) as k (key)
 cross join lateral (select key, request::text, method, reference, outcome, amount, decline::text, challenge,
                            due
                       from sandbox.operation
                      where key = k.key
                      limit 1) as o
