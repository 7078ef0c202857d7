-- Swaps triggers on whole statements for triggers on rows of the same body: on Citus a statement's rows are
-- in other places than the statement. Works on plain PostgreSQL, too, where a test compares what both derive.
-- Run as a superuser, in psql, when nothing else runs; once: a second time it changes nothing and fails.
\set ON_ERROR_STOP on
begin;
set local role calmony_owner;

-- The body stays the migrations' own: what it reads of a statement's rows, it reads of the one row. The rows
-- of a group come object by object in the order of their versions, so they are derived like lone facts.
do $$
declare
    body text := (select prosrc from pg_proc where oid = 'calmony.derive_from_event()'::regprocedure);
begin
    -- Nothing that began before the migration is under way any more.
    body := regexp_replace(body, E'    if starts_with\\(guards.*?\n    end if;\n', '');
    body := regexp_replace(body, E'if guards <> '''' then.*?\n    else\n', E'if guards <> '''' then
        perform calmony.hold_objects(new.account, array_agg(g ->> 1), array_agg((g ->> 2)::bigint),
                                     array_agg(false))
           from json_array_elements(guards::json) as g
          where (g ->> 0)::bigint = new.account;
    end if;
    if true then
');
    body := replace(replace(body, 'from appended a' || chr(10), 'from (select new.*) as a' || chr(10)),
                    'from appended;', 'from (select new.*) as appended;');
    if body ~ 'from appended\M' or strpos(body, '(select new.*) as a' || chr(10)) = 0
       or strpos(body, '(select new.*) as appended;') = 0 then
        raise exception 'derive_from_event isn''t the function that this was written for';
    end if;
    execute format('create function calmony.derive_from_event_row() returns trigger
                    language plpgsql security definer set search_path = pg_catalog, pg_temp as %L', body);
end $$;
drop trigger derive_from_event on calmony.event;
create trigger derive_from_event after insert on calmony.event
    for each row execute function calmony.derive_from_event_row();
alter table calmony.event enable always trigger derive_from_event;

-- TRUNCATE can only be refused to a statement. No role but the owner may do it.
drop trigger event_is_append_only on calmony.event;
create trigger event_is_append_only before update or delete on calmony.event
    for each row execute function calmony.refuse_to_change_history();
alter table calmony.event enable always trigger event_is_append_only;

-- These ask whether the session owns the bucket, by a lock that is on the coordinator and not where the row
-- is. Without them a session of the role calmony_worker may take away work that isn't its own; a worker whose
-- session has ended still can't.
drop trigger outbox_leaves_only_by_its_owner on calmony.outbox;
drop trigger delivery_leaves_only_by_its_owner on calmony.delivery;
drop trigger delivery_comes_only_by_its_owner on calmony.delivery;
drop trigger delivery_changes_only_by_its_owner on calmony.delivery;
commit;
