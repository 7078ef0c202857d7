-- Groups of many decisions share a statement, as lone facts do.

-- When time changes an object. PostgreSQL writes the expression in the place where it is called.
create or replace function calmony.due_of(internal json) returns timestamptz
language sql immutable parallel safe
as $$ select to_timestamp((internal ->> 'due')::bigint) $$;

-- What an object keeps to itself, once its postings sum to zero. Only who has postings pays for it.
create function calmony.checked_postings(internal json) returns json
language plpgsql immutable strict parallel safe
as $$
begin
    if (select coalesce(sum(value::bigint), 0) <> 0
          from json_each_text(internal -> 'postings' -> 'amounts'))
    then
        raise exception 'the postings of an event sum to zero'
            using errcode = 'integrity_constraint_violation', constraint = 'postings_sum_to_zero';
    end if;
    return internal;
end $$;
create function calmony.balanced(internal json) returns json
language sql immutable parallel safe
as $$ select case when internal -> 'postings' is null then internal
                  else calmony.checked_postings(internal) end $$;

-- As before, and for groups of many decisions: the setting `calmony.group` is a JSON array of what they only
-- read, each as [account, id, version]. Objects are locked in the order in which everybody locks them, those
-- that are changed and those that were read; OFFSET 0 keeps it. An object that a group makes isn't locked:
-- nobody else has it, and the key of its first event says so. Postings are balanced() here and not by due_of.
create or replace function calmony.derive_from_event() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    guards        text := current_setting('calmony.group', true);
    appended_rows bigint;
    object_rows   bigint;
    stale_rows    bigint;
begin
    insert into calmony.outbox (account, position, bucket)
    select account, position, calmony.bucket_of(stream) from appended;
    get diagnostics appended_rows = row_count;

    if starts_with(guards, '{') then
        -- A statement that began before this migration: an object of ids and versions, of one account.
        guards := (select coalesce(json_agg(json_build_array(a.account, g.key, g.value::bigint)), '[]')
                     from (select distinct account from appended) a
                    cross join json_each_text(guards::json) as g);
    end if;
    if guards <> '' then
        select count(*) filter (where h.is_written),
               count(*) filter (where coalesce(w.version, r.version, 0) <> h.version)
          into appended_rows, stale_rows
          from (select account, stream::text collate "C" as id, min(version) - 1 as version,
                       true as is_written
                  from appended
                 group by account, stream
                 union all
                select (g ->> 0)::bigint, (g ->> 1) collate "C", (g ->> 2)::bigint, false
                  from json_array_elements(guards::json) as g
                 order by account, id
                offset 0) as h
          left join lateral (select version from calmony.object
                              where h.is_written and h.version > 0
                                and account = h.account and id = h.id and not deleted
                                for no key update) as w on true
          left join lateral (select version from calmony.object
                              where not h.is_written and account = h.account and id = h.id and not deleted
                                for share) as r on true;
        if stale_rows > 0 then
            raise exception 'a decision rests on what is no longer true'
                using errcode = 'integrity_constraint_violation', constraint = 'group_rests_on_what_it_read';
        end if;
        insert into calmony.object as o
               (account, id, version, data, internal, due, owner, deleted, created_at, updated_at)
        select e.account, e.stream, e.version, e.data, calmony.balanced(e.internal),
               calmony.due_of(e.internal), calmony.owner_of(e.stream, e.data), e.deleted, s.began_at,
               e.created_at
          from (select account, stream, count(*) as events, min(version) as first, max(version) as last,
                       min(created_at) as began_at, count(*) filter (where deleted) as ends
                  from appended
                 group by account, stream) s
          join appended e on e.account = s.account and e.stream = s.stream and e.version = s.last
         where s.events = s.last - s.first + 1 and s.ends = e.deleted::integer
            on conflict (account, id) do update
           set version = excluded.version, data = excluded.data, internal = excluded.internal,
               due = excluded.due, owner = excluded.owner, deleted = excluded.deleted,
               updated_at = excluded.updated_at
         where not o.deleted;
    else
        insert into calmony.object as o
               (account, id, version, data, internal, due, owner, deleted, created_at, updated_at)
        select account, stream, version, data, calmony.balanced(internal), calmony.due_of(internal),
               calmony.owner_of(stream, data), deleted, created_at, created_at
          from appended a
         where version = 1
            or exists (select from calmony.object x where x.account = a.account and x.id = a.stream)
            on conflict (account, id) do update
           set version = excluded.version, data = excluded.data, internal = excluded.internal,
               due = excluded.due, owner = excluded.owner, deleted = excluded.deleted,
               updated_at = excluded.updated_at
         where o.version = excluded.version - 1 and not o.deleted;
    end if;
    get diagnostics object_rows = row_count;

    if object_rows <> appended_rows then
        raise exception 'the version of an event must follow the version of its living object'
            using errcode = 'integrity_constraint_violation', constraint = 'event_version_follows_its_object';
    end if;
    return null;
end $$;
-- hold_objects() stays for triggers on rows (deploy/citus), and for what began before.

-- Appends groups and lone facts, at most one of an object, and remembers what their idempotency keys were
-- answered by: all of them or none. Returns false if one of the keys was used before.
-- Arrays, one element an event, a group's events next to each other and in their order. `key_is_for` has the
-- fingerprint of a key at one event of its group; `has_answer` is true if that event's object is the answer.
-- `guards` is what the decisions only read, a JSON array of [account, id, version].
-- The positions follow the places. The rows are written in the order in which lone facts are: the keys of
-- events, object by object, then the idempotency keys, then the objects; so that no two appends wait for each
-- other. The positions are
-- drawn in the statement that inserts, because it has locked the table by then (docs/decisions/0015).
create function calmony.append_groups(
    accounts bigint[], ids text[], streams text[], versions bigint[], types text[], ends boolean[],
    states text[], previous_states text[], internals text[], requests text[], keys text[],
    moments timestamptz[], traces text[], groups text[], places smallint[], sizes smallint[],
    key_is_for bytea[], has_answer boolean[], answers text[], sealed_with text[], guards text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from unnest(key_is_for) as f (fingerprint) where fingerprint is not null) then
        -- LIMIT keeps the planner from reading the table whole, which it takes for empty when it is new.
        if exists (select
                     from unnest(accounts, keys, key_is_for) as g (account, key, fingerprint)
                    cross join lateral (select from calmony.idempotency i
                                         where i.account = g.account and i.key = g.key
                                         limit 1) as used
                    where g.fingerprint is not null)
        then
            return false;
        end if;
    end if;
    perform set_config('calmony.group', guards, true);
    with drawn as materialized (
        select array(select nextval('calmony.event_position_seq')
                       from generate_series(1, cardinality(ids))) as positions
    ), appended as (
        insert into calmony.event
               (account, position, id, stream, version, type, deleted, data, previous, internal, request_id,
                idempotency_key, created_at, trace, group_id, group_place, group_size)
        overriding system value
        select g.account, d.positions[g.number], g.id, g.stream, g.version, g.type, g.deleted, g.data::json,
               g.previous::json, g.internal::json, g.request, g.key, g.moment, g.trace, g.group_id, g.place,
               g.size
          from unnest(accounts, ids, streams, versions, types, ends, states, previous_states, internals,
                      requests, keys, moments, traces, groups, places, sizes) with ordinality
               as g (account, id, stream, version, type, deleted, data, previous, internal, request, key,
                     moment, trace, group_id, place, size, number)
         cross join drawn d
         order by g.account, g.stream collate "C", g.version
        returning id
    )
    insert into calmony.idempotency
           (account, slot, key, event, request_id, fingerprint, answer, sealed_with, created_at)
    select g.account, s.slot, g.key, case when g.has_answer then g.id end, g.request, g.fingerprint, g.answer,
           g.sealed_with, g.moment
      from appended a
      join unnest(accounts, ids, requests, keys, moments, key_is_for, has_answer, answers, sealed_with)
           as g (account, id, request, key, moment, fingerprint, has_answer, answer, sealed_with)
           on g.fingerprint is not null and g.id = a.id
     cross join lateral calmony.idempotency_slots(statement_timestamp()) as s (slot)
     order by g.account, g.key collate "C", s.slot;
    perform set_config('calmony.group', '', true);
    return true;
end $$;
revoke all on function calmony.append_groups from public;
grant execute on function calmony.append_groups to calmony_api, calmony_biller;

-- One group, as the version before appends it. Later nobody does.
create or replace function calmony.append_group(
    of_account bigint, ids text[], streams text[], versions bigint[], types text[], ends boolean[],
    states text[], previous_states text[], internals text[], of_request text, of_key text, at timestamptz,
    of_trace text, guards text, key_is_for bytea, key_answer text, answer_is_sealed_with text,
    answering_event text) returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
as $$
    select calmony.append_groups(
        array_agg(of_account), ids, streams, versions, types, ends, states, previous_states, internals,
        array_agg(of_request), array_agg(of_key), array_agg(at), array_agg(of_trace),
        array_agg(case when of_all > 1 then ids[1] end), array_agg(case when of_all > 1 then place end),
        array_agg(case when of_all > 1 then of_all end),
        array_agg(case when id = answering then key_is_for end),
        array_agg(answering_event is not null), array_agg(key_answer), array_agg(answer_is_sealed_with),
        (select coalesce(json_agg(json_build_array(of_account, key, value::bigint)), '[]')::text
           from json_each_text(guards::json)))
      from (select id, place::smallint, cardinality(ids)::smallint as of_all,
                   coalesce(answering_event, ids[1]) as answering
              from unnest(ids) with ordinality as i (id, place)
             order by place) as e
$$;
