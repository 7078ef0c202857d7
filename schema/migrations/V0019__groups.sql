-- Groups: the facts of one decision, of one object or of several, appended by one statement, all or none.
-- And what an object keeps to itself: `internal`, never shown and never sent, and `due`, when time changes
-- the object. Older rows have neither, so there is nothing to validate and no row to rewrite.
alter table calmony.event
    add column internal json,
    add column group_id text collate "C", -- the id of the group's first event; null for a lone fact
    add column group_place smallint,      -- of the event in its group, from 1
    add column group_size smallint;
-- No constraint, no domain and no index of these: PostgreSQL prepares them anew for each statement, and
-- every append would pay. Only append_group writes these columns, and `calmony verify` looks at them.

-- When time changes an object, by what it keeps to itself: seconds since 1970.
create function calmony.due_of(internal json) returns timestamptz
language sql immutable parallel safe
as $$ select to_timestamp((internal ->> 'due')::bigint) $$;

-- A stored generated column would rewrite the table under a lock. So the trigger writes it, nobody else may,
-- and `calmony verify` compares it.
alter table calmony.object
    add column internal json,
    add column due timestamptz;
create index if not exists object_due on calmony.object (due, account, id)
    where due is not null and not deleted;

-- Locks the objects of a group in the order in which everybody locks them: those that it changes, and
-- those that its decision only read. Refuses a group if any has another version than was read. 0: there is
-- no living object.
create function calmony.hold_objects(of_account bigint, ids text[], versions bigint[], writes boolean[])
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    held          record;
    found_version bigint;
begin
    for held in
        select id, version, is_written
          from unnest(ids, versions, writes) as h (id, version, is_written)
         order by id collate "C"
    loop
        if held.is_written then
            select version into found_version from calmony.object
             where account = of_account and id = held.id and not deleted
               for no key update;
        else
            select version into found_version from calmony.object
             where account = of_account and id = held.id and not deleted
               for share;
        end if;
        if coalesce(found_version, 0) <> held.version then
            raise exception 'a decision rests on what is no longer true'
                using errcode = 'integrity_constraint_violation', constraint = 'group_rests_on_what_it_read';
        end if;
    end loop;
end $$;
revoke all on function calmony.hold_objects(bigint, text[], bigint[], boolean[]) from public;

-- As before, and with what the object keeps to itself. An object moves on by all events that a group has
-- of it. The setting `calmony.group` has what the decision only read, a JSON object of ids and versions;
-- it is empty for lone facts, which have one event an object.
create or replace function calmony.derive_from_event() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    guards        text := current_setting('calmony.group', true);
    appended_rows bigint;
    object_rows   bigint;
begin
    insert into calmony.outbox (account, position, bucket)
    select account, position, calmony.bucket_of(stream) from appended;
    get diagnostics appended_rows = row_count;

    if guards <> '' then
        perform calmony.hold_objects(held.account, array_agg(id), array_agg(version), array_agg(is_written))
           from (select account, stream::text as id, min(version) - 1 as version, true as is_written
                   from appended
                  group by account, stream
                 union all
                 select a.account, g.key, g.value::bigint, false
                   from (select distinct account from appended) a
                  cross join json_each_text(guards::json) as g) as held
          group by held.account;
        select count(distinct (account, stream)) into appended_rows from appended;
        insert into calmony.object as o
               (account, id, version, data, internal, due, deleted, created_at, updated_at)
        select e.account, e.stream, e.version, e.data, e.internal, calmony.due_of(e.internal), e.deleted,
               s.began_at, e.created_at
          from (select account, stream, count(*) as events, min(version) as first, max(version) as last,
                       min(created_at) as began_at, count(*) filter (where deleted) as ends
                  from appended
                 group by account, stream) s
          join appended e on e.account = s.account and e.stream = s.stream and e.version = s.last
         where s.events = s.last - s.first + 1 and s.ends = e.deleted::integer
            on conflict (account, id) do update
           set version = excluded.version, data = excluded.data, internal = excluded.internal,
               due = excluded.due, deleted = excluded.deleted, updated_at = excluded.updated_at
         where not o.deleted;
    else
        insert into calmony.object as o
               (account, id, version, data, internal, due, deleted, created_at, updated_at)
        select account, stream, version, data, internal, calmony.due_of(internal), deleted, created_at,
               created_at
          from appended a
         where version = 1
            or exists (select from calmony.object x where x.account = a.account and x.id = a.stream)
            on conflict (account, id) do update
           set version = excluded.version, data = excluded.data, internal = excluded.internal,
               due = excluded.due, deleted = excluded.deleted, updated_at = excluded.updated_at
         where o.version = excluded.version - 1 and not o.deleted;
    end if;
    get diagnostics object_rows = row_count;

    if object_rows <> appended_rows then
        raise exception 'the version of an event must follow the version of its living object'
            using errcode = 'integrity_constraint_violation', constraint = 'event_version_follows_its_object';
    end if;
    return null;
end $$;

-- Appends a group, or a fact whose decision read other objects, and remembers what its idempotency key was
-- answered by. Returns false if that key was used before. The positions follow the places. The rows are
-- written in the order in which lone facts are: the keys of events, object by object, before the objects;
-- so that no two appends wait for each other. The positions are drawn in the statement that inserts,
-- because it has locked the table by then (docs/decisions/0015).
create function calmony.append_group(
    of_account bigint, ids text[], streams text[], versions bigint[], types text[], ends boolean[],
    states text[], previous_states text[], internals text[], of_request text, of_key text, at timestamptz,
    of_trace text, guards text, key_is_for bytea, key_answer text, answer_is_sealed_with text,
    answering_event text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if key_is_for is not null then
        if exists (select from calmony.idempotency i where i.account = of_account and i.key = of_key) then
            return false;
        end if;
        insert into calmony.idempotency
               (account, slot, key, event, request_id, fingerprint, answer, sealed_with, created_at)
        select of_account, s.slot, of_key, answering_event, of_request, key_is_for, key_answer,
               answer_is_sealed_with, at
          from calmony.idempotency_slots(statement_timestamp()) as s (slot);
    end if;
    perform set_config('calmony.group', guards, true);
    with drawn as materialized (
        select array(select nextval('calmony.event_position_seq')
                       from generate_series(1, cardinality(ids))) as positions
    )
    insert into calmony.event
           (account, position, id, stream, version, type, deleted, data, previous, internal, request_id,
            idempotency_key, created_at, trace, group_id, group_place, group_size)
    overriding system value
    select of_account, d.positions[g.place], g.id, g.stream, g.version, g.type, g.deleted, g.data::json,
           g.previous::json, g.internal::json, of_request, of_key, at, of_trace,
           case when cardinality(ids) > 1 then ids[1] end, case when cardinality(ids) > 1 then g.place end,
           case when cardinality(ids) > 1 then cardinality(ids) end
      from unnest(ids, streams, versions, types, ends, states, previous_states, internals) with ordinality
           as g (id, stream, version, type, deleted, data, previous, internal, place)
     cross join drawn d
     order by g.stream collate "C", g.version;
    perform set_config('calmony.group', '', true);
    return true;
end $$;
revoke all on function calmony.append_group from public;
grant execute on function calmony.append_group to calmony_api;
