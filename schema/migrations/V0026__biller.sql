-- The biller: a role that does what time makes due. It appends as the API does, and reads what is due. It
-- sees no keys, no sessions, no secrets and nothing of what the workers do.
grant usage on schema calmony to calmony_biller;
grant select on calmony.account, calmony.event, calmony.object, calmony.migration to calmony_biller;
-- Position and the group's columns aside, every column; a group comes by append_group.
grant insert (account, id, stream, version, type, deleted, data, previous, internal, request_id,
              idempotency_key, created_at, trace)
    on calmony.event to calmony_biller;
-- The statement that appends names this table, also where no event has a key.
grant select, insert on calmony.idempotency to calmony_biller;
grant execute on function calmony.append_group to calmony_biller;

-- Billers share the 64 buckets as workers do: by advisory locks of their sessions, of the class 1128417612. A
-- biller takes them by these functions alone, so that it can't hold a lock of workers or of migrations.
-- The lock 1000, shared, announces a biller.
create function calmony.announce_biller() returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select pg_advisory_lock_shared(1128417612, 1000) $$;

-- Takes buckets that nobody owns, in random order, so that two billers that start together rarely want the
-- same.
create function calmony.take_biller_buckets(most integer) returns setof smallint
language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with free as materialized (
        select b
          from generate_series(0, 63) b
         where not exists (select from pg_locks l
                            where l.locktype = 'advisory' and l.classid = 1128417612 and l.objid = b::oid
                              and l.objsubid = 2
                              and l.database = (select oid from pg_database
                                                 where datname = current_database()))
         order by random()
         limit greatest(most, 0)
    )
    select b::smallint from free where pg_try_advisory_lock(1128417612, b)
$$;
revoke all on function calmony.announce_biller(), calmony.take_biller_buckets(integer) from public;
grant execute on function calmony.announce_biller(), calmony.take_biller_buckets(integer) to calmony_biller;

-- This database: the identifier that its cluster was made with, and its number there. A dump that is restored
-- is another one, in whatever cluster. A standby is the same one, so that it can take over.
create function calmony.this_database() returns text
language sql stable
as $$
    select c.system_identifier || '/' || d.oid
      from pg_catalog.pg_control_system() c, pg_catalog.pg_database d
     where d.datname = pg_catalog.current_database()
$$;

-- The database that live mode is billed in: at most one row, written by `calmony biller adopt`. A copy has
-- the row, too, but is another database.
create table calmony.adoption (
    one        boolean default true,
    database   text not null,
    adopted_at timestamptz not null default statement_timestamp(),
    constraint adoption_is_one primary key (one),
    constraint adoption_is_true check (one)
);
grant select on calmony.adoption to calmony_biller, calmony_reader;
