-- Revokes a key that nobody has seen. $1 its hash, $2 now.
update calmony.api_key
   set revoked_at = $2
 where hash = $1 and revoked_at is null
