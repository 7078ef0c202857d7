-- Every account, with its name and its mode.
select id, name, livemode
  from calmony.account
 order by id
