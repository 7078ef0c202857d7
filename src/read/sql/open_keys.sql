-- Those of these keys that still open, each with the milliseconds until it ends, null where it has no end. $1
-- their SHA-256.
-- Index: api_key_hashes_are_unique.
select k.hash, floor(extract(epoch from k.expires_at - statement_timestamp()) * 1000)::bigint as left_ms
  from calmony.api_key k
 where k.hash = any ($1) and k.revoked_at is null
   and (k.expires_at is null or k.expires_at > statement_timestamp())
