-- True if live mode is billed in this database.
select exists (select from calmony.adoption where database = calmony.this_database()) as adopted
