-- Secrets that are not sealed with the current key. $1 its id, $2 account, $3 endpoint and $4 version to go
-- on after, $5 rows.
-- Index: endpoint_secret_comes_with_one_event.
select account, endpoint::text, version, key_id, coalesce(sealed, secret) as stored
  from calmony.endpoint_secret
 where key_id is distinct from $1 and (account, endpoint, version) > ($2::bigint, $3::text, $4::bigint)
 order by account, endpoint, version
 limit $5
