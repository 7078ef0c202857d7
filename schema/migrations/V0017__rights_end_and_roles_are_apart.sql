-- Rights end when they end, and no role stops another by what it may do.

-- Sessions of the dashboard that were ended before their time. A row is of use until the session would have
-- ended by itself.
create table calmony.ended_session (
    account bigint not null,
    key     bigint not null,      -- that somebody signed in with
    until   timestamptz not null, -- when it ends by itself
    hash    bytea not null,       -- SHA-256 of its token; empty: all of the key's that end no later
    constraint ended_session_is_ended_once primary key (account, key, hash),
    constraint ended_session_hash_is_sha256_or_empty check (octet_length(hash) in (0, 32))
);
create index ended_session_until on calmony.ended_session (until);

-- Ends a session. Of one key a hundred rows are kept. One more, and the session that would end first shares a
-- row with all of the key's that end no later, which are over, too. Rows of sessions that ended by themselves a
-- day ago go whenever another one is ended.
create function calmony.end_session(of_account bigint, of_key bigint, session bytea, ends_at timestamptz)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    old timestamptz;
begin
    if octet_length(session) <> 32
       or not exists (select from calmony.api_key k where k.account = of_account and k.id = of_key) then
        raise exception 'a session is one of a key'
            using errcode = 'integrity_constraint_violation', constraint = 'ended_session_is_of_a_key';
    end if;
    insert into calmony.ended_session as s (account, key, hash, until)
    values (of_account, of_key, session, least(ends_at, statement_timestamp() + interval '7 days'))
        on conflict (account, key, hash) do nothing;
    select s.until into old
      from calmony.ended_session s
     where s.account = of_account and s.key = of_key and s.hash <> ''
     order by s.until desc
    offset 100
     limit 1;
    if found then
        insert into calmony.ended_session as s (account, key, hash, until)
        values (of_account, of_key, '', old)
            on conflict (account, key, hash) do update set until = greatest(s.until, excluded.until);
        delete from calmony.ended_session s
         where s.account = of_account and s.key = of_key and s.hash <> '' and s.until <= old;
    end if;
    -- Last, and past what others hold, so that nobody waits for it.
    delete from calmony.ended_session s
     using (select o.account, o.key, o.hash
              from calmony.ended_session o
             where o.until < statement_timestamp() - interval '1 day'
             order by o.until
             limit 100
               for update skip locked) over
     where s.account = over.account and s.key = over.key and s.hash = over.hash;
end $$;
revoke all on function calmony.end_session(bigint, bigint, bytea, timestamptz) from public;
grant execute on function calmony.end_session(bigint, bigint, bytea, timestamptz) to calmony_api;
grant select on calmony.ended_session to calmony_reader;

-- When keys were last used, in rows of their own: whoever writes that down in a transaction that it leaves
-- open would keep a key from being revoked. The column that it was in stays for the programs of before.
create table calmony.key_use (
    account      bigint not null,
    id           bigint not null,
    last_used_at timestamptz not null, -- give or take a minute
    constraint key_use_is_one_a_key primary key (account, id)
);
insert into calmony.key_use (account, id, last_used_at)
select account, id, last_used_at from calmony.api_key where last_used_at is not null;

create or replace function calmony.note_key_use(accounts bigint[], ids bigint[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$
    insert into calmony.key_use as u (account, id, last_used_at)
    select k.account, k.id, statement_timestamp()
      from (select distinct account, id from unnest(accounts, ids) as n (account, id)) n
      join calmony.api_key k on k.account = n.account and k.id = n.id
     order by k.account, k.id
        on conflict (account, id) do update set last_used_at = excluded.last_used_at
     where u.last_used_at < excluded.last_used_at - interval '30 seconds'
$$;

-- With a right to a whole table's rows comes one to lock it against everybody. Each column alone will do.
revoke update on calmony.search_document, calmony.search_progress from calmony_api;
grant update (version, name, email, phone, terms) on calmony.search_document to calmony_api;
grant update (position) on calmony.search_progress to calmony_api;

-- As before, but those who make and drop partitions wait for each other by a lock that not everybody may
-- take, and a worker makes few of them.
create or replace function calmony.make_attempt_partitions(from_day date, days integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms' -- a reader of the table must not make everyone's settlements wait behind this
as $$
declare
    day  date;
    made integer := 0;
begin
    if abs(from_day - (statement_timestamp() at time zone 'utc')::date) > 31 then
        raise exception 'partitions are made for days near this one'
            using errcode = 'invalid_parameter_value',
                  constraint = 'partitions_are_made_for_days_near_this_one';
    end if;
    lock table only calmony.attempt in share update exclusive mode;
    for day in select from_day + n from generate_series(0, least(days, 62) - 1) n loop
        if to_regclass(format('calmony.attempt_%s', to_char(day, 'YYYYMMDD'))) is null then
            begin
                execute format(
                    'create table calmony.%I partition of calmony.attempt for values from (%L) to (%L)',
                    'attempt_' || to_char(day, 'YYYYMMDD'),
                    (day::timestamp at time zone 'utc'), ((day + 1)::timestamp at time zone 'utc'));
                made := made + 1;
            exception when check_violation then
                null; -- the default partition has rows of that day already
            end;
        end if;
    end loop;
    return made;
end $$;

create or replace function calmony.drop_attempt_partitions(before_day date) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
declare
    partition text;
    dropped   integer := 0;
begin
    if before_day > (statement_timestamp() at time zone 'utc')::date - 1 then
        raise exception 'attempts are kept for a day at least'
            using errcode = 'invalid_parameter_value', constraint = 'attempts_are_kept_for_a_day';
    end if;
    lock table only calmony.attempt in share update exclusive mode;
    for partition in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'calmony.attempt'::regclass and c.relname ~ '^attempt_[0-9]{8}$'
           and to_date(substr(c.relname, 9), 'YYYYMMDD') < before_day
         order by c.relname
    loop
        execute format('drop table calmony.%I', partition);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;
