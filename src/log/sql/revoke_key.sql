-- Revokes a key. Touches a row unless there is no such key, or it was revoked before. $1 its number,
-- $2 now.
update calmony.api_key
   set revoked_at = $2
 where id = $1 and revoked_at is null
