-- Makes an API key, and its account if there is none of that name and mode.
-- $1 name, $2 live mode, $3 hash of the key, $4 its hint for people, $5 now, $6 reads only, $7 its end or
-- null.
with made as (
    insert into calmony.account (name, livemode, created_at)
    values ($1, $2, $5)
        on conflict (name, livemode) do update set name = excluded.name
    returning id
)
insert into calmony.api_key (account, hash, hint, created_at, readonly, expires_at)
select id, $3, $4, $5, $6, $7
  from made
