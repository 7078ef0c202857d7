-- How an endpoint wants to be sent to: paused, in order, no faster than so many requests a second.
alter table calmony.endpoint
    add column paused boolean not null default false,
    add column ordered boolean not null default false,
    add column rate_limit integer, -- requests a second
    add constraint endpoint_rate_limit_is_1_to_10000 check (rate_limit between 1 and 10000);

-- Endpoints that have had nothing but failures, and since when. A success takes the row away; so does a change of the
-- endpoint. Whoever is here for too long is disabled.
create table calmony.endpoint_failing (
    account  bigint not null,
    since    timestamptz not null,
    endpoint calmony.object_id not null,
    constraint endpoint_fails_since_one_time primary key (account, endpoint)
);
grant select on calmony.endpoint_failing to calmony_reader;
grant select, insert, update, delete on calmony.endpoint_failing to calmony_worker;

create or replace function calmony.derive_endpoint() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into calmony.endpoint (account, id, version, url, enabled_events, status, paused, ordered, rate_limit)
    values (new.account, new.stream, new.version, new.data ->> 'url',
            array(select json_array_elements_text(new.data -> 'enabled_events')),
            case when new.deleted then 'deleted' else new.data ->> 'status' end,
            coalesce((new.data ->> 'paused')::boolean, false),
            coalesce(new.data ->> 'ordering', 'none') = 'per_object',
            (new.data ->> 'rate_limit')::integer)
        on conflict (account, id) do update
       set version = excluded.version, url = excluded.url, enabled_events = excluded.enabled_events,
           status = excluded.status, paused = excluded.paused, ordered = excluded.ordered,
           rate_limit = excluded.rate_limit;
    delete from calmony.endpoint_failing f where f.account = new.account and f.endpoint = new.stream;
    return null;
end $$;

-- The object's id, where the endpoint asked for order when the delivery was made: only these stand in line.
alter table calmony.delivery add column stream text collate "C";

-- Due deliveries are read endpoint by endpoint, so that a million of one stand in nobody's way.
drop index calmony.delivery_due;
create index delivery_due on calmony.delivery (account, endpoint, due_at, position) where state = 'owed';
drop index calmony.delivery_parked;
create index delivery_parked on calmony.delivery (account, endpoint, position) where state = 'parked';
create index delivery_of_endpoint on calmony.delivery (account, endpoint, position);
create index delivery_in_line on calmony.delivery (account, endpoint, stream, position) where stream is not null;

-- How long the phases of a request took, as far as it came; null for a phase that it didn't have, such as the connection
-- of a request on one that was kept alive.
alter table calmony.attempt alter column duration_ms type integer using duration_ms * 1000;
alter table calmony.attempt rename column duration_ms to duration_us;
alter table calmony.attempt
    add column dns_us integer,
    add column connect_us integer,
    add column tls_us integer,
    add column first_byte_us integer, -- from the start of the attempt
    add column early boolean not null default false,    -- made ahead of its time, because the endpoint may be or is back
    add column order_gap boolean not null default false; -- an earlier event of the object was given up

-- Where one index has to serve both, an endpoint's history is asked for more often than an event's, and an event has few endpoints.
drop index calmony.attempt_of_event;
create index attempt_of_endpoint on calmony.attempt (account, endpoint, position);

-- Drops the partitions of whole days before that one. Attempts are never deleted in another way.
create function calmony.drop_attempt_partitions(before_day date) returns integer
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
    perform pg_advisory_xact_lock(hashtext('calmony.make_attempt_partitions'));
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
revoke all on function calmony.drop_attempt_partitions(date) from public;
grant execute on function calmony.drop_attempt_partitions(date) to calmony_worker;
