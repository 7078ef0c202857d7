-- The versions of these endpoints: the numbers of their changes. $1 account, $2 endpoint.
-- Index: endpoint_ids_are_unique.
select p.id::text, p.version
  from unnest($1::bigint[], $2::text[]) as x (account, endpoint)
  join calmony.endpoint p on p.account = x.account and p.id = x.endpoint
