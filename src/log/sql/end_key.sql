-- Lets a key open until then, and not longer than before. $1 its number, $2 until when. Touches a row unless
-- there is none, or it was revoked.
update calmony.api_key
   set expires_at = least(expires_at, $2)
 where id = $1 and revoked_at is null
