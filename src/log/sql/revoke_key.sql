-- Revokes a key. $1 its number, $2 now. Touches a row unless there is none, or it was revoked before.
update calmony.api_key
   set revoked_at = $2
 where id = $1 and revoked_at is null
