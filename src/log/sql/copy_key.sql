-- Makes a key like another. $1 the number of that one, $2 hash of the new key, $3 what people see of it, $4
-- now. Touches a row unless there is none, or it was revoked.
insert into calmony.api_key (account, hash, hint, created_at, readonly)
select account, $2, $3, $4, readonly
  from calmony.api_key
 where id = $1 and revoked_at is null
