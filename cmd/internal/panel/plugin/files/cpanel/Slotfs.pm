package Cpanel::API::Slotfs;

# The page asks here, with the browser's session, for proof that somebody is logged in to cPanel: /execute/Slotfs/proof.

use strict;
use warnings;

use Cpanel::AdminBin::Call ();

our %API = ( proof => { needs_feature => 'slotfs' } );

sub proof {
    my ( $args, $result ) = @_;
    $result->data( Cpanel::AdminBin::Call::call( 'Slotfs', 'session', 'PROVE' ) );
    return 1;
}

1;
