-- A method. $1: its token.
select token, card, exp_month, exp_year, cvc_check, fingerprint, set_up
  from sandbox.method
 where token = $1
