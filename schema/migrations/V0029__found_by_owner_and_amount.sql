-- What a payment method belongs to, so that a customer's are found without a walk through all. Only streams
-- of payment methods are looked into; the index has no row of anything else, and an owner that stays leaves
-- an update what it was. A stored generated column would rewrite the table under a lock; the trigger writes
-- it, and `calmony verify` compares it.
create function calmony.owner_of(stream text, data json) returns text
language sql immutable parallel safe
as $$ select case when starts_with(stream, 'pm_') then data ->> 'customer' end $$;

alter table calmony.object add column owner text collate "C";
create index if not exists object_owned on calmony.object (account, owner, id)
    where owner is not null and not deleted;

-- As before, and with the owner.
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
               (account, id, version, data, internal, due, owner, deleted, created_at, updated_at)
        select e.account, e.stream, e.version, e.data, e.internal, calmony.due_of(e.internal),
               calmony.owner_of(e.stream, e.data), e.deleted, s.began_at, e.created_at
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
        select account, stream, version, data, internal, calmony.due_of(internal),
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

-- The methods that were there before.
update calmony.object set owner = calmony.owner_of(id, data)
 where id > 'pm_' and id < 'pm`' and calmony.owner_of(id, data) is not null;

-- Payment intents are searched, too, and by numbers. Documents of customers have no amount.
alter table calmony.search_document add column amount bigint;
grant update (amount) on calmony.search_document to calmony_api;

-- How far an account's log is in its documents of one kind, which is a prefix of ids. An API of the version
-- before, beside this one, goes on with search_progress; later nobody does.
create table calmony.search_reached (
    account  bigint not null,
    kind     text collate "C" not null,
    position bigint not null,
    constraint search_reached_is_one_a_kind primary key (account, kind)
);
insert into calmony.search_reached (account, kind, position)
select account, 'cus', position from calmony.search_progress;
grant select on calmony.search_reached to calmony_reader;
grant select, insert on calmony.search_reached to calmony_api;
grant update (position) on calmony.search_reached to calmony_api;
