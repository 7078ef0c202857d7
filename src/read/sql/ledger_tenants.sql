-- The accounts of a tenant, or of all. $1 its name, or null. Index: account_names_are_unique_in_a_mode.
select id, name, livemode
  from calmony.account
 where $1::text is null or name = $1
 order by name, livemode
