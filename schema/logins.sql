-- The logins of the programs. Each is a member of the group roles that it works under, and of nothing else.
-- An administrator runs this once for each database, behind roles.sql. It may be repeated.
--   psql --dbname calmony --file schema/roles.sql --file schema/logins.sql
-- Then psql asks for each password and hashes it before it sends it: \password calmony_serve
-- A script passes passwords in settings of its session, by PGOPTIONS: calmony.serve_password and so on.
do $$
declare
    login record;
    name text;
    role text;
    password text;
begin
    for login in
        select *
          from (values
                ('migrate', 'inherit', array['calmony_owner']),
                ('serve', 'noinherit', array['calmony_api', 'calmony_reader']),
                ('deliver', 'noinherit', array['calmony_worker', 'calmony_api']),
                ('bill', 'noinherit', array['calmony_biller']),
                ('process', 'noinherit', array['calmony_sandbox']),
                ('inspect', 'inherit', array['calmony_reader', 'pg_read_all_stats'])
               ) l (program, inherits, roles)
    loop
        name := 'calmony_' || login.program;
        if not exists (select from pg_catalog.pg_roles where rolname = name) then
            execute format('create role %I login', name);
        end if;
        execute format('alter role %I %s', name, login.inherits);
        foreach role in array login.roles loop
            begin
                execute format('grant %I to %I', role, name);
            exception when insufficient_privilege then
                if role <> 'pg_read_all_stats' then
                    raise;
                end if;
                raise notice 'the doctor won''t see what other logins'' sessions do: %', sqlerrm;
            end;
        end loop;
        password := current_setting(format('calmony.%s_password', login.program), true);
        if password <> '' then
            execute format('alter role %I password %L', name, password);
        end if;
        execute format('grant connect on database %I to %I', current_database(), name);
    end loop;
    -- A session that a pooler has failed to set up waits no longer than one that it has.
    alter role calmony_serve set statement_timeout = '5s';
    execute format('revoke connect, temporary on database %I from public', current_database());
end $$;
