-- What PostgreSQL lets every login do, and with which one could stop the others: locks that stand for
-- something else than a row, files that grow. Closed as far as the login of the migrations may: functions of
-- the server by a superuser, the rest by the owner of the database or of the schema. A database that others
-- have tables in is left as it is. `calmony migrate` runs this every time, which changes nothing where it is
-- closed; `calmony doctor` says what is open.
do $$
declare
    f record;
begin
    if exists (
        select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'm', 'f')
           and n.nspname not in ('calmony', 'sandbox', 'information_schema') and n.nspname !~ '^pg_'
           and not exists (
               select from pg_catalog.pg_depend d
                where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                  and d.deptype = 'e')) then
        return;
    end if;
    if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        for f in
            select p.oid::pg_catalog.regprocedure as name, p.proname ~ 'advisory' as is_lock
              from pg_catalog.pg_proc p
             where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
               and (p.proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
                    or p.proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message'))
               and exists (
                   select from pg_catalog.aclexplode(
                              coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)))
                    where grantee = 0)
        loop
            execute format('revoke execute on function %s from public', f.name);
            if f.is_lock then
                -- Workers own buckets by them; migrations run one after the other.
                execute format('grant execute on function %s to calmony_owner, calmony_worker', f.name);
            end if;
        end loop;
    end if;
    if exists (
        select from pg_catalog.pg_database d,
                    pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba)))
         where d.datname = current_database() and pg_catalog.pg_has_role(d.datdba, 'usage')
           and grantee = 0 and privilege_type in ('TEMPORARY', 'CREATE')) then
        execute format('revoke temporary, create on database %I from public', current_database());
    end if;
    if exists (
        select from pg_catalog.pg_namespace n,
                    pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)))
         where n.nspname = 'public' and pg_catalog.pg_has_role(n.nspowner, 'usage')
           and grantee = 0 and privilege_type = 'CREATE') then
        revoke create on schema public from public;
    end if;
end $$;
