-- Keeps a method.
insert into sandbox.method (token, card, exp_month, exp_year, cvc_check, fingerprint)
values ($1, $2, $3, $4, $5, $6)
