-- Whether a session of the dashboard was ended: alone, or with all of its key's that end no later than a
-- given one. $1 account, $2 key, $3 SHA-256 of the session's token, $4 the time when it ends by itself.
-- Index: ended_session_is_ended_once.
select exists (select from calmony.ended_session where account = $1 and key = $2 and hash = $3)
    or exists (select from calmony.ended_session
                where account = $1 and key = $2 and hash = '' and until >= $4) as is_ended
