-- Makes a key like another. Touches a row unless there is no such key, or it was revoked. $1 number of the
-- other key, $2 hash of the new key, $3 its hint for people, $4 now.
insert into calmony.api_key (account, hash, hint, created_at, readonly)
select account, $2, $3, $4, readonly
  from calmony.api_key
 where id = $1 and revoked_at is null
