-- The mode of an account. $1 account. Index: account_pkey.
select livemode from calmony.account where id = $1
