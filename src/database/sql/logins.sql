-- The rights of logins besides the group roles, in words: attributes that lead to everything, the database
-- itself, and memberships. $1: the logins; null means that of this session. $2: the group roles.
select l.rolname::text as name,
       case when l.rolsuper then array['a superuser']
            else array_remove(array[
                     case when l.rolcreaterole then 'allowed to make roles' end,
                     case when l.rolreplication then 'allowed to replicate' end,
                     case when pg_has_role(l.oid, d.datdba, 'member') then 'an owner of the database' end
                 ], null)
                 || array(select 'a member of ' || g.rolname
                            from pg_roles g
                           where g.rolname::text = any (array[
                                     'calmony_owner', 'calmony_api', 'calmony_reader', 'calmony_worker',
                                     'calmony_biller', 'calmony_sandbox', 'pg_read_all_data',
                                     'pg_write_all_data', 'pg_read_server_files',
                                     'pg_write_server_files', 'pg_execute_server_program'])
                             and g.rolname::text <> all ($2::text[])
                             and pg_has_role(l.oid, g.oid, 'member')
                           order by 1)
       end as excess
  from pg_roles l
  join pg_database d on d.datname = current_database()
 where l.rolname::text = any (coalesce($1::text[], array[session_user::text]))
 order by 1
