-- Secrets that are not sealed with the current key. $1 its id, $2 at most so many.
select account, endpoint::text, version, key_id, coalesce(sealed, secret)
  from calmony.endpoint_secret
 where key_id is distinct from $1
 order by account, endpoint, version
 limit $2
