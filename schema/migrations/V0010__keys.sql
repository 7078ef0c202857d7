-- Keys end: by a date, or at once. Whoever looks a key up sees it with the next request.
alter table calmony.api_key
    add column readonly     boolean not null default false,
    add column expires_at   timestamptz,
    add column revoked_at   timestamptz,
    add column last_used_at timestamptz; -- give or take a minute

-- The API writes down that keys were used, and nothing else of them.
create function calmony.note_key_use(accounts bigint[], ids bigint[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
    update calmony.api_key k
       set last_used_at = statement_timestamp()
      from unnest(accounts, ids) as u (account, id)
     where k.account = u.account and k.id = u.id
       and (k.last_used_at is null or k.last_used_at < statement_timestamp() - interval '30 seconds')
$$;
revoke all on function calmony.note_key_use(bigint[], bigint[]) from public;
grant execute on function calmony.note_key_use(bigint[], bigint[]) to calmony_api;
