-- Methods. $1: their tokens.
select m.*
  from unnest($1::text[]) as t (token)
 cross join lateral (select token, card, exp_month, exp_year, cvc_check, fingerprint, set_up
                       from sandbox.method
                      where token = t.token
                      limit 1) as m
