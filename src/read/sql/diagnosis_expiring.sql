-- The counts of what ends soon: endpoints whose secret was rolled and whose former secret ends within a day;
-- API keys that end within a week.
select (select count(*)
          from calmony.endpoint_secret s
         where s.previous_until between statement_timestamp() and statement_timestamp() + interval '1 day'
           and not exists (select from calmony.endpoint_secret n
                            where n.account = s.account and n.endpoint = s.endpoint
                              and n.version > s.version)) as secrets,
       (select count(*)
          from calmony.api_key
         where revoked_at is null
           and expires_at between statement_timestamp() and statement_timestamp() + interval '7 days') as keys
