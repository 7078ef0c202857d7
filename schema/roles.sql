-- The group roles. Roles belong to the whole cluster, not to one database, so they are not a migration:
-- `calmony migrate` runs this first, and a cluster whose administrator made the roles needs no right to.
-- A login takes its role at start-up (options=-c role=…); it must be a member of that role.
do $$
begin
    if current_setting('server_version_num')::integer < 140000 then
        raise exception 'PostgreSQL 14 or later is needed, and this is %', current_setting('server_version')
            using errcode = 'feature_not_supported';
    end if;
end $$;

do $$
declare
    name text;
begin
    foreach name in array array[
        'calmony_owner', 'calmony_api', 'calmony_reader', 'calmony_worker', 'calmony_biller',
        'calmony_sandbox'
    ] loop
        if not exists (select from pg_catalog.pg_roles where rolname = name) then
            begin
                execute format('create role %I nologin', name);
                execute format('grant %I to current_user', name);
            exception when duplicate_object or unique_violation then
                null; -- another migrate was faster
            end;
        end if;
    end loop;
end $$;

do $$
begin
    if not exists (select from pg_catalog.pg_namespace where nspname = 'calmony') then
        create schema calmony authorization calmony_owner;
    end if;
    -- The sandbox processor's, apart from ours.
    if not exists (select from pg_catalog.pg_namespace where nspname = 'sandbox') then
        create schema sandbox authorization calmony_owner;
    end if;
end $$;
