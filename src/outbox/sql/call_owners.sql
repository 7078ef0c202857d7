-- Tells all workers that an event of a group is over at an endpoint. $1 account, $2 endpoint, $3 group.
select pg_notify('calmony_group', account || ' ' || endpoint || ' ' || group_id)
  from unnest($1::bigint[], $2::text[], $3::text[]) as line (account, endpoint, group_id)
