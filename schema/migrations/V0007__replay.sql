-- A replay owes events of the log to an endpoint once more. It is an object like any other (rpl_…); this row is derived from
-- its events, and the workers go through the log for it, each for its own buckets.
alter domain calmony.object_id drop constraint object_id_is_a_known_prefix_and_a_ulid;
alter domain calmony.object_id add constraint object_id_is_a_known_prefix_and_a_ulid
    check (value ~ '^(cus|pm|pi|sub|inv|cs|we|rpl)_[0-7][0-9A-HJKMNP-TV-Z]{25}$');

create table calmony.replay (
    account        bigint not null,
    after_position bigint not null, -- the part of the log that it goes through: after this one,
    until_position bigint not null, -- up to and with this one
    started_at     timestamptz not null,
    created_from   timestamptz,
    created_until  timestamptz,
    rate_limit     integer,         -- deliveries a second
    only_failed    boolean not null,
    single         boolean not null, -- one event that somebody picked, whether the endpoint asks for its type or not
    bucket         smallint,         -- of that event
    id             calmony.object_id not null,
    endpoint       calmony.object_id not null,
    status         text not null,
    stream         text collate "C", -- of this object only
    types          text[],           -- of these types only
    constraint replay_ids_are_unique primary key (account, id),
    constraint replay_status_is_known check (status in ('running', 'canceled', 'completed')),
    constraint replay_rate_limit_is_1_to_10000 check (rate_limit between 1 and 10000)
);
create index replay_running on calmony.replay (account, id) where status = 'running';
create index replay_of_endpoint on calmony.replay (account, endpoint, id);

-- How far a replay has come in each bucket. It moves in the statement that owes the deliveries, so none is owed twice.
create table calmony.replay_progress (
    account   bigint not null,
    position  bigint not null,
    owed      bigint not null, -- deliveries so far
    resume_at timestamptz,     -- not before, because of the rate limit
    bucket    smallint not null,
    replay    calmony.object_id not null,
    constraint replay_progress_is_one_row_a_bucket primary key (account, replay, bucket),
    constraint replay_progress_bucket_is_0_to_63 check (bucket between 0 and 63)
);

create function calmony.derive_replay() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    picked record;
begin
    select e.position, calmony.bucket_of(e.stream) as bucket into picked from calmony.event e
     where e.account = new.account and e.id = new.data ->> 'event';
    if not found and new.data ->> 'event' is not null then
        raise exception 'a replay is for an event of its account'
            using errcode = 'integrity_constraint_violation', constraint = 'replay_event_is_there';
    end if;
    insert into calmony.replay (account, id, endpoint, status, started_at, after_position, until_position, created_from,
                                created_until, rate_limit, only_failed, single, bucket, stream, types)
    values (new.account, new.stream, new.data ->> 'webhook_endpoint', new.data ->> 'status', statement_timestamp(),
            coalesce(picked.position - 1, 0), coalesce(picked.position, new.position),
            to_timestamp((new.data ->> 'created_from')::bigint), to_timestamp((new.data ->> 'created_until')::bigint),
            (new.data ->> 'rate_limit')::integer, (new.data ->> 'only_failed')::boolean, picked.position is not null,
            picked.bucket,
            new.data ->> 'related_object',
            case when json_typeof(new.data -> 'types') = 'array'
                 then array(select json_array_elements_text(new.data -> 'types')) end)
        on conflict (account, id) do update set status = excluded.status;
    return null;
end $$;

create trigger derive_replay after insert on calmony.event
    for each row when (starts_with(new.stream, 'rpl_')) execute function calmony.derive_replay();
alter table calmony.event enable always trigger derive_replay;

-- '*' is every type but those that tell of the endpoints and replays themselves: these have to be named.
create or replace function calmony.subscribes(enabled_events text[], type text) returns boolean
language sql immutable parallel safe
as $$ select type = any (enabled_events)
          or ('*' = any (enabled_events) and not starts_with(type, 'webhook_endpoint.') and not starts_with(type, 'replay.')) $$;

-- The events that a replay is for, whatever part of the log it has gone through.
create function calmony.replays(r calmony.replay, e calmony.event, enabled_events text[]) returns boolean
language sql stable parallel safe
as $$
    select (r.single or calmony.subscribes(enabled_events, e.type))
       and (r.types is null or e.type = any (r.types))
       and (r.stream is null or e.stream = r.stream)
       and (r.created_from is null or e.created_at >= r.created_from)
       and (r.created_until is null or e.created_at < r.created_until)
       and (not r.only_failed or exists (
            select from calmony.delivery d
             where d.account = e.account and d.position = e.position and d.endpoint = r.endpoint and d.state = 'exhausted'))
$$;

grant select on calmony.replay, calmony.replay_progress to calmony_reader, calmony_worker;
grant insert, update (position, owed, resume_at) on calmony.replay_progress to calmony_worker;
