-- Work (delivery) and history (attempt) are different tables.

-- An event owed to an endpoint that could not be delivered straight from the outbox: it waits for a retry, or for its
-- endpoint (parked), or was given up after the last attempt (exhausted). Delivered ones have no row.
create table calmony.delivery (
    account  bigint not null,
    position bigint not null,
    due_at   timestamptz,
    attempts integer not null,
    bucket   smallint not null,
    endpoint calmony.object_id not null,
    state    text not null,
    constraint delivery_is_owed_once primary key (account, position, endpoint),
    constraint delivery_state_is_known check (state in ('owed', 'parked', 'exhausted')),
    constraint delivery_is_due_exactly_when_owed check ((state = 'owed') = (due_at is not null)),
    constraint delivery_bucket_is_0_to_63 check (bucket between 0 and 63)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);
create index delivery_due on calmony.delivery (due_at) where state = 'owed';
create index delivery_parked on calmony.delivery (account, endpoint) where state = 'parked';

-- One HTTP request made for a delivery. Dropped by partition, never deleted by age.
create table calmony.attempt (
    account     bigint not null,
    position    bigint not null,
    started_at  timestamptz not null,
    number      integer not null,
    duration_ms integer not null,
    status      smallint,   -- HTTP status; null when no answer came
    endpoint    text collate "C" not null,
    error       text,       -- class of the failure; null when it succeeded
    response    text,       -- the first bytes of the answer
    truncated   boolean not null default false
) partition by range (started_at);
create index attempt_of_event on calmony.attempt (account, position, endpoint);
create table calmony.attempt_default partition of calmony.attempt default;

-- Days are UTC. A row for which no partition was made lands in the default one, so that no outcome is ever refused.
create function calmony.make_attempt_partitions(from_day date, days integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms' -- a reader of the table must not make everyone's settlements wait behind this
as $$
declare
    day  date;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('calmony.make_attempt_partitions'));
    for day in select from_day + n from generate_series(0, least(days, 62) - 1) n loop
        if to_regclass(format('calmony.attempt_%s', to_char(day, 'YYYYMMDD'))) is null then
            begin
                execute format('create table calmony.%I partition of calmony.attempt for values from (%L) to (%L)',
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
revoke all on function calmony.make_attempt_partitions(date, integer) from public;
grant execute on function calmony.make_attempt_partitions(date, integer) to calmony_worker;

-- An endpoint's event changes the endpoint's row. What is parked for it is made due by the owners of the buckets, in
-- portions: it may be a million rows, and an API call must not wait for them.
create function calmony.derive_endpoint() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into calmony.endpoint (account, id, version, url, enabled_events, status)
    values (new.account, new.stream, new.version, new.data ->> 'url',
            array(select json_array_elements_text(new.data -> 'enabled_events')),
            case when new.deleted then 'deleted' else new.data ->> 'status' end)
        on conflict (account, id) do update
       set version = excluded.version, url = excluded.url,
           enabled_events = excluded.enabled_events, status = excluded.status;
    return null;
end $$;

create trigger derive_endpoint after insert on calmony.event
    for each row when (starts_with(new.stream, 'we_')) execute function calmony.derive_endpoint();
alter table calmony.event enable always trigger derive_endpoint;

-- Work comes, changes and leaves by the hand of the session that owns its bucket (an advisory lock: class 1129270605, the bucket).
-- A worker that lost its buckets, or a stray psql, takes nothing away.
create function calmony.work_is_its_owners() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from touched) and exists (
               select bucket from touched
               except
               select l.objid::integer from pg_locks l
                where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.granted
                  and l.mode = 'ExclusiveLock'
                  and l.classid = 1129270605 and l.objsubid = 2) then
        raise exception 'only the owner of a bucket writes its work'
            using errcode = 'insufficient_privilege', constraint = 'work_is_its_owners';
    end if;
    return null;
end $$;

create trigger outbox_leaves_only_by_its_owner after delete on calmony.outbox
    referencing old table as touched for each statement execute function calmony.work_is_its_owners();
alter table calmony.outbox enable always trigger outbox_leaves_only_by_its_owner;
create trigger delivery_leaves_only_by_its_owner after delete on calmony.delivery
    referencing old table as touched for each statement execute function calmony.work_is_its_owners();
alter table calmony.delivery enable always trigger delivery_leaves_only_by_its_owner;
create trigger delivery_comes_only_by_its_owner after insert on calmony.delivery
    referencing new table as touched for each statement execute function calmony.work_is_its_owners();
alter table calmony.delivery enable always trigger delivery_comes_only_by_its_owner;
create trigger delivery_changes_only_by_its_owner after update on calmony.delivery
    referencing old table as touched for each statement execute function calmony.work_is_its_owners();
alter table calmony.delivery enable always trigger delivery_changes_only_by_its_owner;

grant select on calmony.delivery, calmony.attempt to calmony_reader, calmony_worker;
grant insert, update (attempts, state, due_at), delete on calmony.delivery to calmony_worker;
grant insert on calmony.attempt to calmony_worker;

select calmony.make_attempt_partitions((statement_timestamp() at time zone 'utc')::date, 8);

-- What an event is still owed to: endpoints that it waits for, and, until it is fanned out, those that ask for its type.
create function calmony.pending_webhooks(account bigint, "position" bigint, type text) returns bigint
language sql stable parallel safe
as $$
    select (select count(*) from calmony.delivery d
             where d.account = $1 and d.position = $2 and d.state <> 'exhausted')
         + (select count(*) from calmony.outbox o join calmony.endpoint p on p.account = o.account
             where o.account = $1 and o.position = $2 and p.status = 'enabled' and calmony.subscribes(p.enabled_events, $3)
               and not exists (select from calmony.delivery d
                                where d.account = $1 and d.position = $2 and d.endpoint = p.id))
$$;
