-- The number of endpoints that an account has. $1 account. Index: endpoint_ids_are_unique.
select count(*) as count
  from calmony.endpoint
 where account = $1 and status <> 'deleted'
