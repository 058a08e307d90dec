CREATE TABLE two (id integer PRIMARY KEY);
ALTER DATA SOURCE shop OPTIONS (SET topics '^shop3');
CREATE DATA SOURCE more TYPE kafka OPTIONS (brokers '127.0.0.1:1', topisc '^more');
