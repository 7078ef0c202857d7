-- The account that a key opens, unless the key was revoked. $1 SHA-256 of the key.
-- Index: api_key_hashes_are_unique.
select k.account, a.livemode, k.id, k.readonly,
       coalesce(k.expires_at <= statement_timestamp(), false) as expired
  from calmony.api_key k
  join calmony.account a on a.id = k.account
 where k.hash = $1 and k.revoked_at is null
