-- Ends a key at a time, but not later than before. Touches a row unless there is no such key, or it was
-- revoked. $1 its number, $2 the time.
update calmony.api_key
   set expires_at = least(expires_at, $2)
 where id = $1 and revoked_at is null
