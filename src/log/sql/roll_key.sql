-- Makes a key like another, which then ends. $1 the number of that one, $2 hash of the new key, $3 what people see of it, $4 now,
-- $5 until when the old one opens. Touches a row unless there is none, or it was revoked.
with old as (
    update calmony.api_key
       set expires_at = least(expires_at, $5)
     where id = $1 and revoked_at is null
    returning account, readonly
)
insert into calmony.api_key (account, hash, hint, created_at, readonly)
select account, $2, $3, $4, readonly
  from old
