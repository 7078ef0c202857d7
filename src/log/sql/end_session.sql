-- Ends a session of the dashboard. $1 account, $2 key, $3 SHA-256 of the session's token, $4 the time at
-- which it ends by itself.
select calmony.end_session($1, $2, $3, $4)
